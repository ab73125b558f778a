"""The AppArmor policy language as it stands in templates: rules, scopes, what they cover."""
