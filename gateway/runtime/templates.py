"""Templates of notices: the operator's file, or what ships with the gateway."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from gateway.domain.errors import ConfigError
from gateway.domain.template import LONGEST_TEMPLATE, Template, TemplateError, compile_template

PLACEHOLDER = "placeholder.tmpl"
DSN = "dsn.tmpl"
NOTIFY = "notify.tmpl"
DISCLAIMER = "disclaimer.tmpl"


def load_template(path: str | Path | None, shipped: str) -> Template:
    """The template in the file `path`; the one that ships under the name `shipped` when there is no `path`.

    Raises `ConfigError` with the file, the line and what is wrong there.
    """
    if not path:
        return compile_template(files("gateway").joinpath("templates", shipped).read_text("utf-8"))
    try:
        with Path(path).open("rb") as file:
            content = file.read(LONGEST_TEMPLATE + 1)
        return compile_template(content.decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: the template cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: the template is not UTF-8") from error
    except TemplateError as error:
        raise ConfigError(f"{path}:{error.line}: {error.reason}") from error
