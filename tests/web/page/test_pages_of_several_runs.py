"""Pages of runs that a test begins and ends itself."""

from __future__ import annotations

from gateways import started
from page_parts import FRAMES, RUNNING

import mimocorb


def test_alarms_are_in_all_views_and_are_acknowledged_by_the_operator_only(
    browser, serve, tmp_path
):
    run = started(tmp_path, disk_low_gb=1e9)
    web = serve(run.directory, "web", str(run.directory))
    shown = "!document.getElementById('alarms').hidden"
    viewer = browser.open(web.viewer_link)
    operator = browser.open(web.link)
    for page in (viewer, operator):
        for tab in ("tab-scope", "tab-histograms", "tab-runs", "tab-run"):
            page.click(tab)
            page.waits(shown)
        assert "disk low" in page.text("alarms")
        page.click("alarms")
        assert "are left for" in page.text("alarm-list")
    assert viewer("document.getElementById('acknowledge').hidden")
    operator.waits("!document.getElementById('acknowledge').hidden")
    operator.click("acknowledge")
    for page in (viewer, operator):
        page.waits("document.getElementById('alarms').classList.contains('known')")
    with mimocorb.connect(run.directory) as client:
        (alarm,) = client.status().view.alarms
    assert alarm.acknowledged_by
    viewer.close()
    operator.close()
    run.interrupt()
    run.finish()


def test_the_next_run_is_begun_from_a_form_and_all_pages_follow(browser, serve, tmp_path):
    run = started(tmp_path)
    web = serve(run.directory, "web", str(run.directory))
    operator, viewer = browser.open(web.link), browser.open(web.viewer_link, 480, 360)
    for page in (operator, viewer):
        page.waits(RUNNING)
    viewer.click("tab-scope")
    viewer.waits(f"{FRAMES} > 2")
    operator.waits("!document.getElementById('controls').hidden")
    operator.click("stop")
    operator("document.querySelector('#sure-dialog [value=yes]').click()")
    assert run.finish().code == 0
    operator.click("tab-runs")
    tau = "document.querySelector('[data-worker=search][data-name=tau_ns]')"
    operator.waits(f"{tau} && !document.getElementById('next-start').disabled")
    begin = "document.getElementById('next-start').click()"
    operator(f"(() => {{ {tau}.value = 'long'; {begin} }})()")
    operator.waits("document.getElementById('next-trouble').textContent.includes('tau_ns')")
    operator(f"(() => {{ {tau}.value = '300'; {begin} }})()")
    for page in (operator, viewer):
        page.waits("window.mimocorbPage.page.run.number === 2")
        page.waits(RUNNING)
    frames = viewer(FRAMES)
    viewer.waits(f"{FRAMES} > {frames + 3}", "the scope of the next run to move")
    operator.click("tab-runs")
    operator.waits("document.getElementById('runs').tBodies[0].rows.length === 2")
    operator("document.querySelectorAll('#runs input').forEach((box) => box.click())")
    operator.waits("document.getElementById('compared').textContent.includes('tau_ns')")
    rows = (
        "[...document.getElementById('compared').tBodies[0].rows]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    (changed,) = [row for row in operator(rows) if row[0].endswith("config.tau_ns")]
    assert set(changed[1:3]) == {"–", "300"}
    operator(
        "fetch('/api/end', {method: 'POST', headers: {authorization: 'Bearer ' +"
        " sessionStorage.getItem('mimocorb token')}})"
    )
    operator.waits("window.mimocorbPage.page.run.ended")
    viewer.close()
    operator.close()
