"""What thinking is worth: how true traces are to their answers, where they helped, and whether that can be known beforehand."""
