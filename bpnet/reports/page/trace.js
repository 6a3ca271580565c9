"use strict";
(async () => {
  const find = (id) => document.getElementById(id);
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const packed = new Blob([bytes(find("data").textContent.trim())]).stream();
  const unpacked = packed.pipeThrough(new DecompressionStream("gzip"));
  const { trace, digits, surfaces } = await new Response(unpacked).json();

  // rounded as the text is; what is exact stays in the data
  const shown = (value) => String(Number(value.toPrecision(digits)));
  const rounded = (text) => text.replace(/\d+\.\d+(e[-+]?\d+)?/g, (part) => shown(Number(part)));
  const state = { step: 0, place: 0, row: 0, color: "value" };
  let numbers = []; // of the step, in their order, each with its section

  const sectionsOf = (step) => [...trace.encoding, ...trace.steps[step].sections];
  const layersOf = () => trace.steps[state.step].layers;

  const amount = (layers, column, unit) => {
    const at = (rows) => (rows ? rows[state.row][unit] : null);
    if (column === 0) return state.color === "value" ? at(layers[0].inputs) : null;
    const layer = layers[column - 1];
    if (state.color === "value") return at(layer.outputs);
    if (state.color === "gradient") return at(layer.deltas ?? layer.output_gradients);
    return at(trace.steps[state.step].outputs_after[column - 1]) - at(layer.outputs);
  };
  const weight = (layers, layer, unit, source) => {
    const { before, gradient, after } = layers[layer - 1].parameters.weight;
    if (state.color === "value") return before[unit][source];
    if (state.color === "gradient") return gradient[unit][source];
    return after[unit][source] - before[unit][source];
  };
  const tint = (value, most) => {
    if (value === null || !most) return "var(--paper)";
    const share = Math.round(Math.min(Math.abs(value) / most, 1) * 100);
    return `color-mix(in srgb, var(--${value < 0 ? "less" : "more"}) ${share}%, var(--paper))`;
  };

  const nodes = [...document.querySelectorAll(".node")];
  const edges = [...document.querySelectorAll(".edge")];
  const drawNetwork = () => {
    const layers = layersOf();
    const ofNodes = nodes.map(({ dataset }) => amount(layers, +dataset.column, dataset.unit - 1));
    const ofEdges = edges.map((edge) => {
      const { layer, unit, source } = edge.dataset;
      if (edge.classList.contains("plain")) return null;
      return weight(layers, +layer, unit - 1, source - 1);
    });
    const most = (values) => Math.max(0, ...values.filter(Number.isFinite).map(Math.abs));
    const [mostNode, mostEdge] = [most(ofNodes), most(ofEdges)];
    nodes.forEach((node, k) => {
      const value = ofNodes[k];
      node.querySelector("circle").style.fill = tint(value, mostNode);
      node.querySelector(".value").textContent = value === null ? "" : shown(value);
      node.dataset.value = value === null ? "" : String(value);
      const name = node.querySelector(".name").textContent;
      const column = Number(node.dataset.column);
      const where = column ? `layer ${column}, unit ${node.dataset.unit}` : "input";
      node.setAttribute("aria-label", `${where} (${name}): ${value === null ? "none" : shown(value)}`);
    });
    edges.forEach((edge, k) => {
      const value = ofEdges[k];
      if (value === null) return;
      edge.style.stroke = mostEdge ? tint(value, mostEdge).replace("paper", "line") : "";
      edge.style.strokeWidth = 1 + (mostEdge ? (4 * Math.abs(value)) / mostEdge : 0);
      edge.dataset.value = String(value);
    });
    const words = {
      value: "Units by what they put out, weights by their value before the step",
      gradient: "Units by dL/dz, weights by dL/dw",
      change: "Units and weights by how much the step changes them",
    };
    find("legend").textContent =
      `${words[state.color]}: blue is negative, orange positive; wide weights are large. ` +
      `Row ${trace.rows[state.row]}, step ${state.step + 1}.`;
  };

  const colorOf = (name) => {
    const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    probe.fillRect(0, 0, 1, 1);
    return probe.getImageData(0, 0, 1, 1).data;
  };
  const drawSurfaces = () => {
    if (!surfaces) return;
    const [less, more] = [colorOf("--less"), colorOf("--more")];
    const [across, up] = surfaces.axes;
    const side = across.length;
    for (const canvas of document.querySelectorAll("#surfaces canvas")) {
      const { layer, unit } = canvas.dataset;
      const one = surfaces.steps[state.step][layer - 1][unit - 1];
      const levels = bytes(one.levels);
      const picture = new ImageData(side, side);
      levels.forEach((level, k) => {
        // the second input grows upwards
        const place = 4 * ((side - 1 - Math.floor(k / side)) * side + (k % side));
        for (let c = 0; c < 3; c += 1) {
          picture.data[place + c] = less[c] + ((more[c] - less[c]) * level) / 255;
        }
        picture.data[place + 3] = 255;
      });
      const small = document.createElement("canvas");
      small.width = small.height = side;
      small.getContext("2d").putImageData(picture, 0, 0);
      const context = canvas.getContext("2d");
      context.imageSmoothingEnabled = false;
      context.drawImage(small, 0, 0, canvas.width, canvas.height);
      const [x, y] = layersOf()[0].inputs[state.row];
      const share = (value, axis) => (value - axis[0]) / (axis.at(-1) - axis[0]);
      context.beginPath();
      context.arc(share(x, across) * canvas.width, (1 - share(y, up)) * canvas.height, 4, 0, 7);
      context.strokeStyle = "#ffffff";
      context.lineWidth = 2;
      context.stroke();
      const range = `${Number(one.low.toPrecision(3))} to ${Number(one.high.toPrecision(3))}`;
      canvas.closest("figure").querySelector(".range").textContent = range;
      canvas.setAttribute("aria-label", `layer ${layer}, unit ${unit}: ${range}`);
    }
  };

  const listNumbers = () => {
    numbers = [];
    const lines = find("lines");
    lines.replaceChildren();
    for (const section of sectionsOf(state.step)) {
      const head = document.createElement(section.layer === null ? "h3" : "h4");
      head.textContent = section.title;
      lines.append(head);
      if (!section.entries.length) continue;
      const list = document.createElement("ul");
      list.className = "numbers";
      for (const entry of section.entries) {
        const item = document.createElement("li");
        if ("text" in entry) {
          item.textContent = entry.text;
        } else {
          const button = document.createElement("button");
          button.type = "button";
          const label = entry.label ? `${entry.label.replace(/ ->$/, "")}: ` : "";
          button.textContent = `${label}${entry.symbol} = ${shown(entry.value)}`;
          button.dataset.value = String(entry.value);
          const place = numbers.length;
          button.addEventListener("click", () => goTo(place));
          button.addEventListener("focus", () => goTo(place));
          numbers.push({ ...entry, section, button });
          item.append(button);
        }
        list.append(item);
      }
      lines.append(list);
    }
  };

  const outputs = () => Math.max(...nodes.map(({ dataset }) => Number(dataset.column)));
  const columnOf = ({ section }) => {
    if (section.phase === "rows") return 0;
    if (section.layer !== null) return section.layer;
    return section.phase === "loss" || section.phase === "after" ? outputs() : null;
  };
  const showNumber = () => {
    const number = numbers[state.place];
    find("where").textContent = [number.section.title, number.label.replace(/ ->$/, ""), number.name]
      .filter(Boolean).join(" · ");
    find("symbol").textContent = number.symbol;
    find("symbols").textContent = number.symbols === null ? "" : ` = ${number.symbols}`;
    find("numbers").textContent = number.numbers === null ? "" : `= ${rounded(number.numbers)}`;
    const full = String(number.value);
    find("value").textContent = shown(number.value);
    find("full").textContent = full === shown(number.value) ? "" : `in full ${full}`;
    find("full").dataset.value = full;
    numbers.forEach(({ button }, k) => {
      if (k === state.place) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
    const column = columnOf(number);
    const { unit, parameter, index } = number;
    const row = trace.rows.indexOf(number.row);
    if (row >= 0 && row !== state.row) {
      state.row = row;
      find("row").value = String(row);
      drawNetwork();
      drawSurfaces();
    }
    const own = unit ?? (parameter && index ? index[0] : null);
    nodes.forEach((node) => {
      const here = +node.dataset.column === column && +node.dataset.unit === own;
      node.classList.toggle("current", here && !(parameter === "weight" && index?.length === 2));
    });
    edges.forEach((edge) => {
      const here = parameter === "weight" && index?.length === 2 && +edge.dataset.layer === column
        && +edge.dataset.unit === index[0] && +edge.dataset.source === index[1];
      edge.classList.toggle("current", here);
    });
    document.querySelectorAll(".tile").forEach((tile) => {
      const { layer, unit: tiled } = tile.querySelector("canvas").dataset;
      tile.classList.toggle("current", +layer === column && +tiled === own);
    });
  };
  const goTo = (place) => {
    if (place === state.place && numbers[place].button.hasAttribute("aria-current")) return;
    state.place = Math.min(Math.max(place, 0), numbers.length - 1);
    showNumber();
  };
  const goToSection = (by) => {
    const section = numbers[state.place].section;
    const first = (number) => numbers.findIndex((one) => one.section === number.section);
    if (by > 0) {
      const next = numbers.findIndex((one, k) => k > state.place && one.section !== section);
      goTo(next < 0 ? numbers.length - 1 : next);
    } else {
      const here = first(numbers[state.place]);
      goTo(here < state.place || here === 0 ? here : first(numbers[here - 1]));
    }
  };
  const showStep = (step) => {
    state.step = step;
    find("step-number").textContent = String(step + 1);
    listNumbers();
    state.place = Math.min(state.place, numbers.length - 1);
    drawNetwork();
    drawSurfaces();
    showNumber();
  };

  find("step").addEventListener("input", (event) => showStep(event.target.value - 1));
  find("row").addEventListener("change", (event) => {
    state.row = Number(event.target.value);
    const now = numbers[state.place];
    const same = numbers.findIndex((one) => one.row === trace.rows[state.row]
      && one.name === now.name && one.unit === now.unit && one.section.layer === now.section.layer);
    drawNetwork();
    drawSurfaces();
    if (same >= 0) goTo(same);
  });
  find("color").addEventListener("change", (event) => {
    state.color = event.target.value;
    drawNetwork();
  });
  find("before").addEventListener("click", () => goTo(state.place - 1));
  find("next").addEventListener("click", () => goTo(state.place + 1));
  nodes.forEach((node) => {
    node.setAttribute("tabindex", "0");
    node.setAttribute("role", "button");
    const choose = () => {
      const { column, unit } = node.dataset;
      const own = (one) => columnOf(one) === +column && one.unit === +unit;
      const phase = numbers[state.place].section.phase;
      const same = numbers.findIndex((one) => own(one) && one.section.phase === phase);
      const place = same >= 0 ? same : numbers.findIndex(own);
      if (place >= 0) goTo(place);
    };
    node.addEventListener("focus", choose);
    node.addEventListener("click", choose);
  });
  edges.forEach((edge) => edge.addEventListener("click", () => {
    const { layer, unit, source } = edge.dataset;
    const place = numbers.findIndex((one) => one.section.layer === +layer
      && one.parameter === "weight" && one.index?.[0] === +unit && one.index?.[1] === +source);
    if (place >= 0) goTo(place);
  }));
  const moves = {
    ArrowRight: () => goTo(state.place + 1),
    ArrowLeft: () => goTo(state.place - 1),
    PageDown: () => goToSection(1),
    PageUp: () => goToSection(-1),
    Home: () => goTo(0),
    End: () => goTo(numbers.length - 1),
  };
  document.addEventListener("keydown", (event) => {
    const busy = event.target.matches("input, select") || event.ctrlKey || event.altKey || event.metaKey;
    if (busy || !(event.key in moves)) return;
    event.preventDefault();
    moves[event.key]();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawSurfaces);
  ["controls", "keys", "equation"].forEach((id) => { find(id).hidden = false; });
  if (trace.rows.length === 1) find("row").disabled = true;
  showStep(0);
})();
