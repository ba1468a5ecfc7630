"""The admin's own pages: a request in, one call to a service, one template out."""
