"""What happened to every post, and what may happen next: tables, states, moves, and the record of both."""
