"""ReasonRank Studio: `python app.py` (or `make app`) opens the page. Also the entry point of a hosted Space."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Settings, then store, services, worker and web, in this order. What can't be is said in one sentence, with exit status 2."""
    from app.ranking.errors import RankingError
    from app.settings import Settings

    try:
        settings = Settings.load(argv)
        from app.services import worker_process
        from app.services.studio import Studio
        from app.ui.page import build_blocks
        from app.web.logs import configure_logging
        from app.web.serve import serve
        from app.web.server import build_app

        configure_logging(settings)
        studio = Studio.open(settings)
        app = build_app(studio, build_blocks(), frame_ancestors=settings.embedders)
        with worker_process.beside(settings):
            serve(settings, app)
    except (RankingError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
