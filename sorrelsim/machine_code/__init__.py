"""Compiled code of worlds and of learners alike: kept on disk, proven before it runs, and never compiled by halves."""
