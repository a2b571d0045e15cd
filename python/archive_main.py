"""Starts the package from its archive, of which this becomes `__main__.py`. Any Python 3 can read it.

Python compiles what it imports from an archive anew at each start. So the first start in a workspace lays the modules
out as files in the workspace's temp folder, where Python keeps their compiled form for the next.
"""

# Where Python came without compiled modules, this is compiled at each start: nothing but what it has by then.
import gc
import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036  # it is this that checks
    found = (sys.executable, *sys.version_info[:2])
    sys.exit("bqsteps needs Python 3.11 or newer; %s is %d.%d" % found)  # noqa: UP031  # as an old Python has it

ARCHIVE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  # pathlib is long to import, here and below


def lay_out(home: str) -> str:
    """Have the modules lie in a folder below `home`, and return it; the archive, where that cannot be."""
    digest = __spec__.loader.get_data("digest.txt").decode()  # type: ignore[union-attr]  # a zip's loader has it
    folder = os.path.join(home, f"modules-{digest}")  # noqa: PTH118
    if not os.path.isdir(folder):  # noqa: PTH112
        try:
            _unpack(home, folder)
        except OSError:
            return folder if os.path.isdir(folder) else ARCHIVE  # noqa: PTH112
    return folder


def _unpack(home: str, folder: str) -> None:
    """Make the folder whole or not at all: a parallel step may do the same, and a pod may die at any moment."""
    import tempfile  # noqa: PLC0415  # only the first start needs these
    import zipfile  # noqa: PLC0415

    os.makedirs(home, exist_ok=True)  # noqa: PTH103
    with tempfile.TemporaryDirectory(prefix="modules.", dir=home) as partial:
        whole = os.path.join(partial, "modules")  # noqa: PTH118
        with zipfile.ZipFile(ARCHIVE) as archive:
            archive.extractall(whole)
        os.rename(whole, folder)  # noqa: PTH104  # fails where another step was quicker


def keep_compiled(home: str) -> None:
    """Keep compiled modules below `home`, if this Python came without those of its own library.

    That is how the official images come, in which only root could add them.
    """
    encodings = sys.modules["encodings"].__spec__  # loaded from its file at the start of every Python
    if not os.path.exists(encodings.cached):  # type: ignore[union-attr,arg-type]  # noqa: PTH110
        sys.pycache_prefix = os.path.join(home, f"compiled-{sys.hexversion:x}")  # noqa: PTH118
        sys.dont_write_bytecode = False


def main() -> None:
    """Run the command line, and end this process."""
    gc.disable()  # an import makes many objects and no garbage; session turns it on again
    temporary = os.environ.get("WORKSPACE_TMP")
    if temporary:
        home = os.path.join(os.path.abspath(temporary), "bqsteps")  # noqa: PTH100, PTH118
        keep_compiled(home)
        sys.path[0] = lay_out(home)
    from bqsteps.__main__ import main as run  # noqa: PLC0415  # from where it lies now

    code = run()
    # All is written and flushed. Taking the client apart, object by object, would take a third of its import's time.
    os._exit(code)


main()
