"""The command line: ``stellary``, for people at a terminal and for scripts. It needs the extra ``cli``."""
