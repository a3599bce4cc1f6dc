"""Secrets in files: `<NAME>_FILE` names the file that gives a secret setting its value, as mounted secrets do.

Giving both is refused: which of them holds would be a guess.
"""

import re
from pathlib import Path
from typing import Any

from pydantic_settings import EnvSettingsSource

from pipeline.errors import BadSetting

SECRET = re.compile(r"(PASSWORD|SECRET|TOKENS?|KEY|ANALYSTS)$")


class MountedSecrets(EnvSettingsSource):
    """The values of a group's secrets whose `<NAME>_FILE` is set. Raises BadSetting, naming that variable."""

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        secrets = [name for name, field in fields.items() if is_secret(name.upper(), field.annotation)]
        return {name: self._read(name, path) for name in secrets if (path := self.env_vars.get(f"{name}_file"))}

    def _read(self, name: str, path: str) -> str:
        variable = f"{name}_file".upper()
        if self.env_vars.get(name):
            raise BadSetting(f"Bad setting. {variable}: {name.upper()} is given, too; keep one of them")
        try:
            return Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise BadSetting(f"Bad setting. {variable}: {path} cannot be read: {reason}") from None


def is_secret(variable: str, annotation: Any) -> bool:
    """Whether a setting's value must not be shown: its name says so, and it is not the place of a file."""
    return SECRET.search(variable) is not None and annotation in (str, str | None)
