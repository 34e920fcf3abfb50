"""Where input comes from: the ledger, a pull request, recorded results, the clone's name at GitHub."""
