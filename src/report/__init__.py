"""Layer 5: a finished run as one offline HTML page, and as a page of text for the terminal."""
