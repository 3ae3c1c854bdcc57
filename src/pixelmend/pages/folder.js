
"use strict";
// Finding, showing a part, and sorting; failures stay on top. Without scripts the page is whole, in the order of the run.
(() => {
  const byId = (id) => document.getElementById(id);
  const list = byId("pictures");
  const articles = [...list.children];
  const words = new Map(articles.map((article) => [article, article.querySelector(".words").textContent.toLowerCase()]));
  const name = (article) => article.querySelector("h3").textContent;
  const number = (key) => (article) => Number(article.dataset[key]);
  const orders = {
    run: (a, b) => number("number")(a) - number("number")(b),
    name: (a, b) => name(a).localeCompare(name(b), undefined, { numeric: true }),
    seconds: (a, b) => number("seconds")(b) - number("seconds")(a),
  };

  function choose() {
    const [wanted, kind] = [byId("find").value.trim().toLowerCase(), byId("show").value];
    let left = 0;
    for (const article of articles) {
      article.hidden = !(words.get(article).includes(wanted) && (kind === "" || article.dataset.kind === kind));
      left += !article.hidden;
    }
    byId("left").textContent = `${left} of ${articles.length}`;
  }

  function sort() {
    const failed = (article) => Number(article.dataset.kind !== "failed");
    const order = orders[byId("sort").value];
    list.append(...articles.sort((a, b) => failed(a) - failed(b) || order(a, b)));
  }

  byId("find").addEventListener("input", choose);
  byId("show").addEventListener("change", choose);
  byId("sort").addEventListener("change", sort);
  byId("bar").addEventListener("submit", (event) => event.preventDefault());
  byId("bar").hidden = false;
  choose();
})();
