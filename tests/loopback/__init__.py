"""Small servers on 127.0.0.1 that speak the outside services' own protocols, for the real client libraries to talk to.

They keep what they were sent and can be told to fail. They are not the services: they know the routes we use.
"""
