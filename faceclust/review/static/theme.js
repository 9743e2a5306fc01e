// Runs before the first paint, so that a dark page never flashes white.
const dark = matchMedia("(prefers-color-scheme: dark)");

function applyTheme() {
  const wanted = localStorage.getItem("theme") ?? "auto";
  const shown = wanted === "auto" ? (dark.matches ? "dark" : "light") : wanted;
  document.documentElement.dataset.theme = shown;
  document.documentElement.dataset.wanted = wanted;
}

dark.addEventListener("change", applyTheme);
addEventListener("storage", applyTheme);
applyTheme();
