"""Speed, measured beside peers: same problem, same run, turn by turn."""
