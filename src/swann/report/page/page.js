"use strict";
(() => {
  const tip = document.getElementById("tip");
  const NEAR = 22; // CSS pixels

  const show = (point, x, y) => {
    tip.textContent = point.getAttribute("aria-label");
    tip.hidden = false;
    const width = tip.offsetWidth, height = tip.offsetHeight;
    tip.style.left = `${Math.max(6, Math.min(x - width / 2, document.documentElement.clientWidth - width - 6))}px`;
    tip.style.top = `${y - height - 14 < 4 ? y + 18 : y - height - 14}px`;
  };
  const hide = () => { tip.hidden = true; };
  const centre = (element) => {
    const box = element.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  };

  // The point of a curve that is nearest to the pointer, of those that are near.
  const nearest = (points, event) => {
    let best = null, least = NEAR;
    for (const point of points) {
      if (point.closest(".off")) continue;
      const [x, y] = centre(point);
      const distance = Math.hypot(x - event.clientX, y - event.clientY);
      if (distance < least) [best, least] = [point, distance];
    }
    return best;
  };

  // An entry of a legend hides or shows its curve in all panels of the figure; pointing at it dims the others.
  for (const figure of document.querySelectorAll("figure")) {
    const curves = [...figure.querySelectorAll(".series, .band, .star, .name")];
    const links = [...figure.querySelectorAll(".link")];
    let chosen = null; // the curve that a click brought out
    const isOf = (element, series) => element.classList.contains("link")
      ? (element.dataset.to - element.dataset.from > 1 ? "1" : "0") === series
      : element.dataset.series === series;
    const dim = (isBright) => {
      const elements = [...curves, ...links], isPartial = !elements.every(isBright);
      for (const element of elements) {
        element.classList.toggle("dim", !isBright(element));
        element.classList.toggle("bright", isPartial && isBright(element));
      }
    };
    const rest = () => dim((element) => chosen === null || isOf(element, chosen));
    for (const button of figure.querySelectorAll(".legend button")) {
      const series = button.dataset.series;
      button.addEventListener("click", () => {
        const pressed = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", pressed);
        for (const element of [...curves, ...links]) {
          if (isOf(element, series)) element.classList.toggle("off", !pressed);
        }
        dim((element) => !pressed || isOf(element, series));
      });
      const bright = () => {
        if (button.getAttribute("aria-pressed") === "true") dim((element) => isOf(element, series));
      };
      for (const event of ["pointerenter", "focus"]) button.addEventListener(event, bright);
      for (const event of ["pointerleave", "blur"]) button.addEventListener(event, rest);
    }

    // A click on a curve, or Enter at a point of it, brings it out in all panels of the figure; another one ends that.
    const choose = (point) => {
      const curve = point && point.closest(".series, .star");
      chosen = curve && curve.dataset.series !== chosen ? curve.dataset.series : null;
      rest();
    };
    for (const svg of figure.querySelectorAll(".panel > svg")) {
      const points = [...svg.querySelectorAll(".series .point, .star .point, .star.point")];
      if (!figure.querySelector(".legend button") || !points.length) continue;
      svg.addEventListener("click", (event) => choose(nearest(points, event)));
      svg.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(event.target.closest(".point")); });
    }

    // A layer that is pointed at or reached shows its own links alone.
    for (const layer of figure.querySelectorAll(".layer")) {
      const number = layer.dataset.from;
      const own = () => dim((link) => link.dataset.from === number || link.dataset.to === number);
      for (const event of ["pointerenter", "focus"]) layer.addEventListener(event, own);
      for (const event of ["pointerleave", "blur"]) layer.addEventListener(event, () => dim(() => true));
    }
  }

  // Points of a curve, and the links and layers of a network: the nearest one to the pointer shows its values.
  for (const svg of document.querySelectorAll(".panel > svg")) {
    const points = [...svg.querySelectorAll(".point")];
    const small = points.filter((point) => !point.matches(".link, .layer, .bar"));
    const look = (event) => {
      const under = event.target.closest(".layer, .link, .bar");
      if (under && under.hasAttribute("aria-label")) return show(under, event.clientX, event.clientY);
      const best = nearest(small, event);
      if (best) show(best, ...centre(best)); else hide();
    };
    svg.addEventListener("pointermove", look);
    svg.addEventListener("pointerdown", look);
    svg.addEventListener("pointerleave", hide);

    // One stop of the Tab key for each curve; the arrow keys move along it.
    const rows = new Map();
    for (const point of points) {
      const group = point.closest(".series, .star") || point.classList[0];
      if (!rows.has(group)) rows.set(group, []);
      rows.get(group).push(point);
    }
    for (const row of rows.values()) {
      row.forEach((point, number) => {
        point.setAttribute("tabindex", number ? "-1" : "0");
        point.addEventListener("focus", () => show(point, ...centre(point)));
        point.addEventListener("blur", hide);
        point.addEventListener("keydown", (event) => {
          const last = row.length - 1;
          const next = {
            ArrowRight: number + 1, ArrowDown: number + 1, ArrowLeft: number - 1, ArrowUp: number - 1, Home: 0, End: last,
          }[event.key];
          if (next === undefined) return;
          event.preventDefault();
          const to = row[Math.max(0, Math.min(next, last))];
          point.setAttribute("tabindex", "-1");
          to.setAttribute("tabindex", "0");
          to.focus();
        });
      });
    }
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  document.addEventListener("scroll", hide, { passive: true });
})();
