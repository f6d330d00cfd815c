"""Alembic migrations, run by ``storage.db.Database.upgrade``.

A new one is a file ``NNNN_what_it_does.py`` in ``versions``; the tests compare the outcome with the models.
"""
