"""What drawing answers costs the browser: our own blocks beside plain react-markdown, in one run."""
