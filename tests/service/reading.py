"""JavaScript that reads a page as people with other senses do: names of controls, order of headings, contrast."""

SHOWN = """const shown = (each) => each.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    && !each.closest('[inert]') && (!document.querySelector('dialog[open]') || each.closest('dialog[open]'));
"""

UNNAMED = f"""(() => {{ {SHOWN}
    const name = (each) => [
        each.getAttribute('aria-label'), each.title, each.textContent, each.placeholder,
        ...[...(each.labels ?? [])].map((label) => label.textContent),
        document.getElementById(each.getAttribute('aria-labelledby') ?? '')?.textContent,
    ].some((text) => text?.trim());
    const controls = 'button, a, select, input, progress, summary, dialog, [role], [tabindex="0"]';
    const bare = [...document.querySelectorAll(controls)].filter((each) => shown(each) && !name(each));
    return bare.map((each) => each.outerHTML);
}})()"""
"""Controls that are seen and have no name."""

HEADINGS = f"""(() => {{ {SHOWN}
    const headings = [...document.querySelectorAll('h1, h2, h3, h4')].filter(shown);
    const levels = headings.map((each) => Number(each.tagName[1]));
    const first = document.querySelector('dialog[open]') ? 2 : 1;
    const wrong = levels.filter((level, i) => (i === 0 ? level !== first : level > levels[i - 1] + 1));
    return levels.filter((level) => level === 1).length > 1 ? [...wrong, 'two of the first level'] : wrong;
}})()"""
"""Levels that are left out, or a first one that is not the first."""

CONTRAST = f"""(() => {{ {SHOWN}
    const canvas = Object.assign(document.createElement('canvas'), {{ width: 1, height: 1 }});
    const context = canvas.getContext('2d', {{ willReadFrequently: true }});
    const over = (ground, colours) => {{
        context.fillStyle = ground;
        context.fillRect(0, 0, 1, 1);
        for (const colour of colours) {{ context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }}
        return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    }};
    const light = (rgb) => {{
        const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }};
    const grounds = (each) => {{
        const found = [];
        for (let at = each; at; at = at.parentElement) found.unshift(getComputedStyle(at).backgroundColor);
        return found;
    }};
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const bad = [];
    while (walker.nextNode()) {{
        const each = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !shown(each) || each.closest('script, :disabled, .label')) continue;
        const style = getComputedStyle(each);
        const below = over('white', grounds(each));
        const [a, b] = [light(over('white', [...grounds(each), style.color])), light(below)].sort((x, y) => y - x);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < (large ? 3 : 4.5)) bad.push(`${{ratio.toFixed(2)}}: ${{walker.currentNode.data.trim()}}`);
    }}
    return bad;
}})()"""
"""Text that is seen and does not reach the contrast of WCAG AA."""

SHIFTED = """new Promise((done) => {
    let sum = 0;
    new PerformanceObserver((list) => {
        for (const each of list.getEntries()) if (!each.hadRecentInput) sum += each.value;
    }).observe({ type: 'layout-shift', buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => done(sum)));
})"""
"""How far things moved that nobody had moved: the sum of the browser's layout shifts."""
