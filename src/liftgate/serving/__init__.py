"""What an application imports to ask the registry on the path of a request; no SDK, nothing beyond a YAML parser."""
