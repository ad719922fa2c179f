"""The page, as `npm run build` left it: read once at the start, served from memory.

page.py     puts the page, or what stands in for it, into the app
files.py    the export's folder as a table of files, each with its headers and its compressed forms
route.py    answers from the table, and from nothing else: what is not in it cannot be reached
missing.py  what stands at `/` where no page was built
"""
