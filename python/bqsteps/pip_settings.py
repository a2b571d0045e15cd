"""What people tell pip about index, proxy and certificates, as environment for pip or for uv. Standard library only.

It is read as pip reads it (files, then PIP_* variables), whether pip is there or not. Only what says where packages
come from is passed on: PIP_USER, PIP_TARGET and the like are about other installations and would break ours.
"""

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

_LISTS = ("extra-index-url", "find-links", "trusted-host", "use-feature")
_PATHS = ("cert", "client-cert", "cache-dir")
_KEPT = (
    *_LISTS,
    *_PATHS,
    "index-url",
    "no-index",
    "proxy",
    "timeout",
    "default-timeout",
    "retries",
    "keyring-provider",
    "no-cache-dir",
)
_CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # pip's HTTP library heeds them
_SECTIONS = ("global", "install")
_UV_OWN = (
    "UV_CACHE_DIR",
    "UV_CONCURRENT_",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_HTTP_",
    "UV_INDEX",
    "UV_INSECURE_HOST",
    "UV_KEYRING_PROVIDER",
    "UV_LINK_MODE",
    "UV_NATIVE_TLS",
    "UV_NO_CACHE",
    "UV_OFFLINE",
    "UV_SYSTEM_CERTS",
)


def read(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings that are kept, by pip's long option names; paths are absolute.

    Raises:
        ValueError: a pip.conf is not one.
    """
    sections: dict[str, dict[str, str]] = {name: {} for name in _SECTIONS}
    for file in _files(environ):
        # Within a section a later file overrides an earlier one, setting by setting; [install] overrides [global].
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{file} is not readable as pip's settings: {error}") from None
        for name in _SECTIONS:
            if parser.has_section(name):
                sections[name].update((_long_name(key), value) for key, value in parser.items(name))
    variables = {_long_name(key[4:]): value for key, value in environ.items() if key.startswith("PIP_")}
    settings = {"cert": next((value for key in _CA_BUNDLES if (value := environ.get(key))), "")}
    for source in (*sections.values(), variables):
        settings.update((key, value) for key, value in source.items() if key in _KEPT and value)
    return {key: _absolute(key, value) for key, value in settings.items() if value}


def for_pip(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The environment for pip: these settings and no others."""
    return {
        **{key: value for key, value in environ.items() if not key.startswith("PIP_") and key not in _CA_BUNDLES},
        **{f"PIP_{key.upper().replace('-', '_')}": value for key, value in settings.items()},
        "PIP_CONFIG_FILE": os.devnull,  # pip reads no file at all then
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }


def for_uv(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv: the same settings in uv's terms. What people tell uv itself wins."""
    told = {key: value for key, value in environ.items() if value and key.startswith(_UV_OWN)}
    return {
        **{key: value for key, value in environ.items() if not key.startswith("UV_")},
        **_network_for_uv(settings),
        **_source_for_uv(settings),
        **told,
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
    }


def uv_options(settings: Mapping[str, str]) -> list[str]:
    """What uv takes as options only."""
    return ["--no-index"] if _true(settings.get("no-index")) else []


def _source_for_uv(settings: Mapping[str, str]) -> dict[str, str]:
    found = {
        "UV_INDEX_URL": settings.get("index-url"),
        "UV_EXTRA_INDEX_URL": settings.get("extra-index-url"),
        "UV_FIND_LINKS": ",".join(settings.get("find-links", "").split()),
        "UV_NO_CACHE": "1" if _true(settings.get("no-cache-dir")) else None,
        "UV_KEYRING_PROVIDER": "subprocess" if settings.get("keyring-provider") == "subprocess" else None,
    }
    return {key: value for key, value in found.items() if value}


def _network_for_uv(settings: Mapping[str, str]) -> dict[str, str]:
    found = {
        "UV_INSECURE_HOST": settings.get("trusted-host"),
        "UV_HTTP_TIMEOUT": settings.get("timeout") or settings.get("default-timeout"),
        "UV_HTTP_RETRIES": settings.get("retries"),
        "SSL_CLIENT_CERT": settings.get("client-cert"),
    }
    if "truststore" in settings.get("use-feature", "").split():
        found["UV_NATIVE_TLS"] = found["UV_SYSTEM_CERTS"] = "1"  # its older and its newer name
    if certificates := settings.get("cert"):
        found["SSL_CERT_DIR" if os.access(f"{certificates}/.", os.F_OK) else "SSL_CERT_FILE"] = certificates
    if proxy := settings.get("proxy"):
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"):
            found[name] = found[name.lower()] = proxy
    return {key: value for key, value in found.items() if value}


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    """The configuration files of pip, the ones that override last."""
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return
    for folder in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep):
        yield Path(folder, "pip/pip.conf")
    yield Path("/etc/pip.conf")
    if (home := environ.get("HOME")) and not (chosen and os.access(chosen, os.F_OK)):
        yield Path(home, ".pip/pip.conf")
        yield Path(environ.get("XDG_CONFIG_HOME") or Path(home, ".config"), "pip/pip.conf")
    yield Path(sys.prefix, "pip.conf")
    if chosen:
        yield Path(chosen)


def _long_name(key: str) -> str:
    return key.lower().replace("_", "-").removeprefix("--")


def _absolute(key: str, value: str) -> str:
    """A value that holds however the working directory changes."""
    if key in _PATHS:
        return str(Path(value).expanduser().absolute())
    if key == "find-links":
        return " ".join(link if "://" in link else str(Path(link).expanduser().absolute()) for link in value.split())
    return " ".join(value.split()) if key in _LISTS else value


def _true(value: str | None) -> bool:
    return (value or "").lower() in {"1", "true", "yes", "on", "y", "t"}
