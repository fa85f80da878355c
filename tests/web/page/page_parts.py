"""Where the tests look in the page."""

PLOT = "window.mimocorbPage.parts.scope.plot"
FRAMES = "Number(document.getElementById('scope-plot').dataset.frames ?? 0)"
ENTRIES = "Number(document.getElementById('histogram-plot').dataset.entries)"
RUNNING = "document.getElementById('state').textContent === 'running'"
