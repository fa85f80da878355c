"""``python -m mimocorb.cli`` does what ``mimocorb`` does."""

import sys

from mimocorb.cli import main

sys.exit(main())
