"""What is wrong with the form of a page, in templates."""

from django import template

from integration.pages import form_errors

register = template.Library()
register.simple_tag(form_errors.form_errors, takes_context=True, name="form_errors")
