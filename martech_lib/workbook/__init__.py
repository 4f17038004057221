"""One notebook in three modes: in JupyterLab, as an app, as a page of the monthly report; and the `martech` command.

Where things are
    cli.py          the `martech` command
    report.py       notebooks -> pages, index, metrics.json, PDF; published whole or not at all
    parameters.py   what a notebook's parameters cell declares, and whether values fit it
    pages.py        an executed notebook -> a self-contained page; the index
    publish.py      metrics.json, the CSV files, the swap of folders
    pdf.py          pages -> one PDF through an installed Chromium or Chrome
    serve.py        the apps (Voilà) and JupyterLab, with safe defaults
    kernel.py       kernels that run the Python which runs `martech`
    source.py       where the data is, said so that a kernel finds it
    template/       the stylesheet and the page templates
"""

import sys

# jsonschema, which altair and nbformat load, imports rfc3987_syntax when it is installed; that compiles a grammar for
# two seconds, in every kernel and every worker, to check a format (internationalized URLs) that nothing here has.
# None makes Python say "not installed", which jsonschema allows for.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
