"""What mkdocs asks while it builds the pages: index.md from README.md, pages of plugins, files that lie outside docs/."""

from __future__ import annotations

import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from outside import OUTSIDE, TOP, copy, index
from plugin_pages import pages


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of methods to the navigation."""
    assert config.nav is not None
    methods = sorted(
        path for path in pages() if path.startswith("methods/") and not path.endswith("index.md")
    )
    config.nav.append({"Methods": ["methods/index.md", *methods]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made here, and the files outside docs/ that pages link to."""
    for path, content in {"index.md": index(), **pages()}.items():
        files.append(File.generated(config, path, content=content))
    linked = {
        (TOP / link).resolve()
        for file in files.documentation_pages()
        for link in OUTSIDE.findall(file.content_string)
        if (TOP / link).exists()
    }
    for path in sorted(linked):
        if not path.is_file():
            raise PluginError(f"{path.name} is a folder. Let pages link to a file in it.")
        name = f"files/{path.relative_to(TOP).as_posix()}"
        name = name if path.suffix in (".md", ".html", ".svg") else f"{name}.txt"
        files.append(File.generated(config, name, content=copy(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links that lead out of docs/ to the copies of those files."""

    def copied(link: re.Match[str]) -> str:
        for name in (f"files/{link[1]}", f"files/{link[1]}.txt"):
            if files.get_file_from_path(name) is not None:
                return f"]({'../' * page.file.src_uri.count('/')}{name}"
        return link[0]

    return OUTSIDE.sub(copied, markdown)
