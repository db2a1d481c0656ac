"""How values are shown: text made safe for a terminal or a page, numbers, bars. All functions are pure."""
