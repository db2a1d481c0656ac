"""How values are shown: text made safe for a terminal or a page, numbers, bars. Pure."""
