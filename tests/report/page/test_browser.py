import shutil

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: it is in the group dev")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="chromium or its driver is missing: install them, in Debian with apt-get install chromium chromium-driver",
)

GROUNDS = {"light": "rgb(246, 247, 249)", "dark": "rgb(15, 18, 22)"}


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def visit(browser, report):
    """Open the page in colours and at a width in CSS pixels; return the browser."""

    def call(scheme="light", width=1200):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(report.path.as_uri())
        return browser

    return call


def point_at(browser, element):
    """Move the pointer there once the page shows it; what the page does then is done before the next frame but one."""
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    frames(browser)
    webdriver.ActionChains(browser).move_to_element(element).perform()
    frames(browser)


def frames(browser):
    """Wait until two frames are drawn: Chromium scrolls and hands out moves of the pointer once a frame."""
    browser.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))"
    )


@pytest.mark.parametrize("width", [1200, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_loads_and_is_drawn(visit, scheme, width):
    browser = visit(scheme, width)
    assert browser.get_log("browser") == []
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == GROUNDS[scheme]
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    sizes = browser.execute_script(
        "return [...document.querySelectorAll('.panel > svg')].map(svg => ["
        "svg.getBoundingClientRect().width, svg.querySelectorAll('path').length])"
    )
    assert len(sizes) > 10
    assert all(min(300, width - 60) < shown < 500 and paths > 5 for shown, paths in sizes), sizes
    smallest = browser.execute_script(
        "return Math.min(...[...document.querySelectorAll('.panel > svg text')].map(text => "
        "parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getScreenCTM().a))"
    )
    assert smallest > 7.5  # CSS pixels: cells of heat maps; most is larger


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 360)])
def test_an_entry_of_the_legend_hides_its_curve(visit, scheme, width):
    browser = visit(scheme, width)
    figure = browser.find_element(By.CSS_SELECTOR, ".curves")
    button = figure.find_element(By.CSS_SELECTOR, ".legend button[data-series='1']")
    curves = figure.find_elements(By.CSS_SELECTOR, ".series[data-series='1'], .star[data-series='1']")
    others = figure.find_elements(By.CSS_SELECTOR, ".series[data-series='0']")
    assert len(curves) == 8
    assert all(curve.is_displayed() for curve in curves)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert not any(curve.is_displayed() for curve in curves)
    assert all(curve.is_displayed() for curve in others)
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-pressed") == "true"
    assert all(curve.is_displayed() for curve in curves)


def test_pointing_at_an_entry_dims_the_other_curves(visit):
    browser = visit()
    button = browser.find_element(By.CSS_SELECTOR, ".curves .legend button[data-series='2']")
    point_at(browser, button)
    dimmed = browser.execute_script(
        "return [...arguments[0].closest('figure').querySelectorAll('.series')].map(curve => "
        "[curve.dataset.series, curve.classList.contains('dim')])",
        button,
    )
    assert sorted(set(map(tuple, dimmed))) == [("0", True), ("1", True), ("2", False)]


def test_points_show_their_values_to_the_pointer_and_the_keyboard(visit):
    browser = visit()
    tip = browser.find_element(By.ID, "tip")
    figure = browser.find_element(By.CSS_SELECTOR, ".curves")
    points = figure.find_elements(By.CSS_SELECTOR, ".panel:first-child .series[data-series='0'] .point")
    assert not tip.is_displayed()
    point_at(browser, points[3])
    assert tip.is_displayed()
    assert tip.text == points[3].get_attribute("aria-label")
    browser.execute_script("arguments[0].focus()", points[0])
    assert tip.text == points[0].get_attribute("aria-label")
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert tip.text == points[1].get_attribute("aria-label")
    browser.switch_to.active_element.send_keys(Keys.END)
    assert browser.switch_to.active_element == points[-1]
    assert points[-1].get_attribute("tabindex") == "0"
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not tip.is_displayed()


def test_a_layer_shows_its_own_links(visit):
    browser = visit()
    layer = browser.find_element(By.CSS_SELECTOR, ".architecture .layer[data-from='2']")
    browser.execute_script("arguments[0].focus()", layer)
    links = browser.execute_script(
        "return [...arguments[0].closest('figure').querySelectorAll('.link')].map(link => "
        "[link.dataset.from, link.dataset.to, link.classList.contains('dim')])",
        layer,
    )
    assert links
    assert all(dim == ("2" not in ends) for *ends, dim in links)


def test_a_click_on_a_curve_brings_it_out_in_all_panels(visit):
    browser = visit()
    figure = browser.find_element(By.CSS_SELECTOR, ".curves")
    point = figure.find_element(By.CSS_SELECTOR, ".panel:first-child .series[data-series='1'] .point:nth-of-type(3)")

    def dimmed():
        return browser.execute_script(
            "return [...new Set([...arguments[0].querySelectorAll('.series')].filter(curve => "
            "curve.classList.contains('dim')).map(curve => curve.dataset.series))]",
            figure,
        )

    point_at(browser, point)
    webdriver.ActionChains(browser).click().perform()
    assert dimmed() == ["0", "2"]
    point_at(browser, figure.find_element(By.CSS_SELECTOR, "figcaption"))
    assert dimmed() == ["0", "2"]
    browser.execute_script("arguments[0].focus()", point)
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert dimmed() == []
