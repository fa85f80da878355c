"""Pictures in a notebook that go on: drawn again while the run goes on, until it has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from mimocorb.errors import MimocorbError

__all__ = ["show_live"]

_INTERVAL_S = 1.0
_SHARE_OF_TIME = 0.2


def show_live(
    draw: Callable[[], bytes], is_over: Callable[[], bool] | None = None, text: str = ""
) -> None:
    """Show a picture below the cell of a notebook, and draw it again from time to time.

    Returns at once; the rest happens in a thread, which ends with the run or with the kernel.
    Outside of a notebook only a text is printed.

    Parameters
    ----------
    draw
        Returns the picture as it is now, a PNG.
    is_over
        Whether the picture will not change any more; None: it never does.
    text
        What stands for the picture where there are none.
    """
    from IPython import get_ipython
    from IPython.display import Image, display

    new_image: Any = Image  # both without types of their own
    show: Any = display

    if not hasattr(get_ipython(), "kernel"):
        print(text)
        return
    began_s = time.monotonic()
    handle = show(new_image(draw(), format="png"), display_id=True)
    took_s = time.monotonic() - began_s
    if is_over is None or handle is None:
        return

    def go_on() -> None:
        pause_s = max(_INTERVAL_S, took_s / _SHARE_OF_TIME)
        try:
            over = False
            while not over:
                time.sleep(pause_s)
                over = is_over()  # asked first: what comes until then is in the last picture
                handle.update(new_image(draw(), format="png"))
        except MimocorbError:
            return  # the run was killed; the last picture stays

    threading.Thread(target=go_on, name="live picture", daemon=True).start()
