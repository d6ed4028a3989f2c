"""Helpers that mount the API in the applications of web frameworks."""

LOGIN_OPERATIONS = (
    "auth.register",
    "auth.login",
    "auth.change_password",
    "auth.change_email",
    "auth.confirm_email",
    "auth.send_confirmation",
    "auth.delete_account",
    "auth.list_identities",
    "auth.unlink_identity",
    "auth.get_second_factor",
    "auth.enroll_second_factor",
    "auth.confirm_second_factor",
    "auth.disable_second_factor",
    "auth.forgot_password",
    "auth.reset_password",
)
"""The operations of logins, passwords, second factors and addresses, which a host with users of its own hides."""
