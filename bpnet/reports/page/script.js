"use strict";
(() => {
  // a panel is drawn again for the pointer when it comes into view; until then its picture is there
  const start = async (packed) => {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const { library, config, panels, frames } = await new Response(unpacked).json();
    const script = document.createElement("script");
    script.textContent = library; // the page's policy has its hash
    document.body.append(script);
    const options = {
      config,
      ast: true, // expressions are interpreted: the page allows no eval
      actions: false,
      renderer: "svg",
      defaultStyle: false,
      logLevel: 1, // errors
      tooltip: { disableDefaultStyle: true },
    };
    // a slider gives the panel the data of each frame
    const animate = (number, view) => {
      const moving = frames.find((one) => String(one.panel) === number);
      const controls = document.querySelector(`.frames[data-panel="${number}"]`);
      if (!moving || !controls) return;
      const [slider, button] = ["input", "button"].map((name) => controls.querySelector(name));
      const numbers = slider.dataset.numbers.split(" ");
      const show = () => {
        controls.querySelector("output").textContent = numbers[slider.value];
        view.data(moving.name, moving.values[slider.value]).runAsync();
      };
      let timer = null;
      const stop = () => {
        clearInterval(timer);
        timer = null;
        button.textContent = "play";
      };
      slider.addEventListener("input", () => { stop(); show(); });
      button.addEventListener("click", () => {
        if (timer) { stop(); return; }
        button.textContent = "stop";
        if (slider.value === slider.max) slider.value = 0;
        show();
        timer = setInterval(() => {
          slider.value = Number(slider.value) + 1;
          show();
          if (slider.value === slider.max) stop();
        }, 250);
      });
      controls.hidden = false;
    };
    const draw = async (panel) => {
      const live = document.createElement("div");
      live.className = "live waiting";
      panel.append(live);
      try {
        const { view } = await window.vegaEmbed(live, panels[panel.dataset.panel], options);
        animate(panel.dataset.panel, view);
        panel.querySelector(".still").remove();
        live.classList.remove("waiting");
        panel.dataset.drawn = "yes";
      } catch (error) {
        live.remove(); // the picture stays
        console.error(error);
      }
    };
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries.filter((one) => one.isIntersecting)) {
        seen.unobserve(entry.target);
        draw(entry.target);
      }
    }, { rootMargin: "300px" });
    document.querySelectorAll(".panel").forEach((panel) => seen.observe(panel));
  };
  const data = document.getElementById("data");
  if (data) start(data.textContent).catch(console.error); // the pictures stay

  const value = (row, k) => {
    const cell = row.cells[k];
    return cell.className === "n" ? Number(cell.textContent) : cell.textContent;
  };
  const order = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a.localeCompare(b, undefined, { numeric: true });
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, k) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const falling = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        const sign = falling ? -1 : 1;
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => sign * order(value(a, k), value(b, k)));
        table.tBodies[0].append(...rows);
      });
    });
  }
})();
