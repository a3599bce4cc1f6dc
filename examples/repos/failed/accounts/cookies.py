"""Cookie headers as a browser sends them: `name=value; name=value`."""


def parse_cookies(header: str) -> dict[str, str]:
    """Every cookie by its name."""
    cookies = {}
    for pair in header.split(";"):
        parts = pair.strip().split("=")
        if len(parts) > 1:
            cookies[parts[0]] = parts[1]
    return cookies
