"""The learning loop: one update leads from judgements to a version of a model that has been measured and decided about.

    inputs -> dataset -> (cold) -> sft -> rl -> evaluate -> decide

Every step leaves an artifact or a result and one row that names it, so that an update that is killed goes on with the step it was at.
"""
