"""Three told bug-fixing sessions, two real ones, and the scripts that submit and show them."""
