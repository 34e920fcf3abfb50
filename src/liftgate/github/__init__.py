"""GitHub as this program needs it: an event, a pull request, a status, a comment; the wire is `client` alone."""
