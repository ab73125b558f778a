"""Reviews: what they say, whom they ask, and what becomes of them.

`text` writes title and body, with the notes of `rollout`; `owners` reads who owns the files;
`opening` opens a review or updates the one that is there. What a repository holds is untrusted
throughout: `words` makes Markdown of it that refers to nothing.
"""
