// Nothing here is needed: it moves the focus to an error and offers to copy and print.
(function () {
  "use strict";

  var summary = document.querySelector("[data-mfa-focus]");
  if (summary) {
    summary.focus();
  }

  function said(button, text) {
    var status = button.parentNode.querySelector("[data-mfa-copied]");
    if (status) {
      status.textContent = text ? status.getAttribute("data-mfa-copied") : "";
    }
  }

  document.querySelectorAll("[data-mfa-copy]").forEach(function (button) {
    var source = document.getElementById(button.getAttribute("data-mfa-copy"));
    if (!source || !navigator.clipboard) {
      return;
    }
    button.hidden = false;
    button.addEventListener("click", function () {
      var items = source.querySelectorAll("li");
      var text = items.length
        ? Array.prototype.map.call(items, function (item) { return item.textContent; }).join("\n")
        : source.textContent.replace(/\s+/g, "");
      said(button, false);
      navigator.clipboard.writeText(text).then(function () { said(button, true); }, function () {});
    });
  });

  document.querySelectorAll("[data-mfa-print]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () { window.print(); });
  });
})();
