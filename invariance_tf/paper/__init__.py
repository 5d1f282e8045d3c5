"""Many runs in, the paper out: tables, claims, figures and the report."""
