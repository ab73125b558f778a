"""What each forge lists, and the tokens for its servers.

One module a forge, imported when it is named. Each has ``parse(rest)``, which turns what follows
``scheme:`` into a server's URL and a name there, or raises `WrongName`; ``server_at(web, named)``,
the `Server` at a URL with the token that the environment has for it, where ``named`` are the URLs
of all servers of that forge that the user named; and ``repositories(client, name)``. A forge's
reviews are in the package of its name, which takes longer to import.
"""
