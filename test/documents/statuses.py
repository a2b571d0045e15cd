"""The statuses that a result may have. `documents` and the code's own types are held together by the tests."""

from typing import Final, get_args

from bqsteps import ensure

OF_THE_LOG: Final = frozenset({"recorded", "already_recorded", "spooled", "replayed"})
OF_THE_SCRIPT: Final = frozenset({"exists"})
OF_DOCTOR: Final = frozenset({"checked"})
OF_THE_REPORT: Final = frozenset({"reported"})
ALL: Final = frozenset(get_args(ensure.Status)) | OF_THE_LOG | OF_THE_SCRIPT | OF_DOCTOR | OF_THE_REPORT | {"failed"}
