"""Texts of Django and Unfold that the packages do not have in German, French and Spanish.

Unfold has no translations at all, and Django's lack some. `makemessages` reads only our own code:
what stands here gets into our catalogues, which come before those of the packages. Nothing calls
this module. tests/admin/test_framework_texts.py compares it with the installed packages.
"""

from django.utils.translation import gettext_noop, ngettext_lazy

gettext_noop("%(model)s instance with %(field)s %(value)r is not a valid choice.")
gettext_noop("Add new item")
gettext_noop("After you've created a user, you’ll be able to edit more user options.")
gettext_noop("After you’ve created a user, you’ll be able to edit more user options.")
gettext_noop("All applications")
gettext_noop("Apply Filters")
gettext_noop("Bold")
gettext_noop("Cancel")
gettext_noop("Choose file to upload")
gettext_noop("Click to cancel")
gettext_noop("Click to download")
gettext_noop("Code")
gettext_noop("Conflicting form data submitted. Please try again.")
gettext_noop("Dark")
gettext_noop("Dataset not found. No action performed.")
gettext_noop("Date")
gettext_noop("Date from")
gettext_noop("Date to")
gettext_noop("Disable password-based authentication")
gettext_noop("Disabled")
gettext_noop("Enable password-based authentication")
gettext_noop("Enable password-based authentication for this user by setting a password.")
gettext_noop("Enabled")
gettext_noop("Enter an URL")
gettext_noop("Expand row")
gettext_noop("False")
gettext_noop("Filters")
gettext_noop("Forgotten your password or username?")
gettext_noop("From")
gettext_noop("General")
gettext_noop("Go back")
gettext_noop("Heading")
gettext_noop("Image preview")
gettext_noop("In case you’ve forgotten, you are:")
gettext_noop("Indent decrease")
gettext_noop("Indent increase")
gettext_noop("Italic")
gettext_noop("Light")
gettext_noop("Link")
gettext_noop("Loading more results...")
gettext_noop("More actions")
gettext_noop("Next")
gettext_noop("No data")
gettext_noop("No recent searches")
gettext_noop("No results found")
gettext_noop("No results matching your query")
gettext_noop("Not enough data.")
gettext_noop("Ordered list")
gettext_noop("Paragraph")
gettext_noop("Password-based authentication")
gettext_noop("Password-based authentication was disabled.")
gettext_noop("Previous")
gettext_noop("Quote")
gettext_noop("Raw passwords are not stored, so there is no way to see the user’s password.")
gettext_noop(
    "Raw passwords are not stored, so there is no way to see this user’s password, but "
    'you can change the password using <a href="{}" class="text-primary-600 '
    'dark:text-primary-500">this form</a>.'
)
gettext_noop("Recent searches")
gettext_noop("Record picture")
gettext_noop("Redo")
gettext_noop("Reset filters")
gettext_noop("Reset password")
gettext_noop("Return to site")
gettext_noop("Run")
gettext_noop("Search apps and models...")
gettext_noop("Select action")
gettext_noop("Select action to run")
gettext_noop("Select all rows")
gettext_noop("Select currency")
gettext_noop("Select record")
gettext_noop("Select value")
gettext_noop("Set password: %s")
gettext_noop("Strike")
gettext_noop("Submit")
gettext_noop("System")
gettext_noop(
    "This action will <strong>enable</strong> password-based authentication for this user."
)
gettext_noop("This item will be deleted.")
gettext_noop("This page yielded into no results. Create a new item or reset your filters.")
gettext_noop("To")
gettext_noop("Toggle password visibility")
gettext_noop("True")
gettext_noop("Type to search")
gettext_noop("Underlined")
gettext_noop("Undo")
gettext_noop("Unlink")
gettext_noop("Unordered list")
gettext_noop("Value")
gettext_noop("Welcome")
gettext_noop("Welcome back to")
gettext_noop(
    "Whether the user will be able to authenticate using a password or not. If disabled, "
    "they may still be able to authenticate using other backends, such as Single Sign-On "
    "or LDAP."
)
gettext_noop("You can not create nested object without parent")
gettext_noop("You have been successfully logged out from the administration")
ngettext_lazy(
    "\n                Found %(counter)s result in %(time)s seconds\n            ",
    "\n                Found %(counter)s results in %(time)s seconds\n            ",
)
