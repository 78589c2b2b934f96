"""As much of SVG as three charts need: a panel with axes, bars and lines. No library."""

import html

COLOURS = {"pglynx": "#0b6e4f", "pgbouncer": "#d9822b", "haproxy": "#5b7db1", "bare": "#9aa5b1",
           "direct": "#5f6b76"}
SPARE = ("#a34a8f", "#b8a100", "#7a4fd0", "#2a9d8f")
INK, FAINT = "#24292f", "#d8dee4"
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"


def colour(name, names):
    """Always the same for the same program."""
    if name in COLOURS:
        return COLOURS[name]
    others = [other for other in names if other not in COLOURS]
    return SPARE[others.index(name) % len(SPARE)]


def text(x, y, what, size=12, anchor="middle", **more):
    """One line of it."""
    style = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in more.items())
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{style}>'
            f'{html.escape(what)}</text>')


def line(x1, y1, x2, y2, stroke=FAINT, width=1.0):
    """Straight."""
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" '
            f'stroke-width="{width}"/>')


def bar(x, y, width, height, fill):
    """A rectangle."""
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'fill="{fill}"/>')


def path(points, stroke, width=1.8):
    """Through all the points."""
    ends = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (f'<polyline points="{ends}" fill="none" stroke="{stroke}" stroke-width="{width}" '
            f'stroke-linejoin="round"/>')


def step(top):
    """Between the ticks of an axis that begins at 0 and has four to eight of them."""
    size = 1.0
    while size * 8 < top:
        size *= 10
    while size * 8 >= top * 10:
        size /= 10
    return next((size * part for part in (0.1, 0.2, 0.25, 0.5, 1) if size * part * 8 >= top), size)


class Panel:
    """A field with a vertical axis from 0 to `top`; what is drawn comes out of `parts`."""

    def __init__(self, left, width, top, title, unit, above=58, height=250):
        self.left, self.width, self.above, self.height = left, width, above, height
        self.parts = [text(left, above - 16, title, 13, "start", font_weight="600")]
        between = step(top)
        self.top = between * -(-top // between)
        tick = 0.0
        while tick <= self.top + between / 2:
            y = self.y(tick)
            self.parts += [line(left, y, left + width, y),
                           text(left - 6, y + 4, f"{tick:,g}", 11, "end", fill="#57606a")]
            tick = round(tick + between, 6)
        middle = above + height / 2
        self.parts.append(text(left - 40, middle, unit, 11, fill="#57606a",
                               transform=f"rotate(-90 {left - 40} {middle})"))

    def y(self, value):
        """Of a value; what is too high ends at the edge."""
        return self.above + self.height * (1 - min(value, self.top) / self.top)

    def label(self, part, what):
        """Below the panel, at this part of its width."""
        self.parts.append(text(self.left + part * self.width, self.above + self.height + 18, what,
                               11))

    def bars(self, part, width, values, fill):
        """(low, median, high), with the number above."""
        low, median, high = values
        x, size = self.left + part * self.width, width * self.width
        middle = x + size / 2
        self.parts += [bar(x, self.y(median), size, self.y(0) - self.y(median), fill),
                       line(middle, self.y(low), middle, self.y(high), INK, 1.2),
                       text(middle, min(self.y(high), self.y(median)) - 5, f"{median:.0f}", 11)]

    def curve(self, points, stroke):
        """Points of (part of the width, value)."""
        self.parts.append(path([(self.left + part * self.width, self.y(value))
                                for part, value in points], stroke))


def legend(names, left, y):
    """A square and a name each."""
    parts, x = [], left
    for name in names:
        parts += [bar(x, y - 10, 12, 12, colour(name, names)), text(x + 17, y, name, 12, "start")]
        x += 40 + 7.2 * len(name)
    return parts


def document(width, height, parts, foot):
    """The file's text."""
    body = "\n".join(parts + [text(16, height - 10, foot, 10, "start", fill="#57606a")])
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="{FONT}" fill="{INK}">\n'
            f'<rect width="{width}" height="{height}" rx="6" fill="#ffffff"/>\n{body}\n</svg>\n')
