#!/usr/bin/env python3
"""Draws the timelines of these pages from what `slipway plan` says of the samples: timelines.py SLIPWAY [DIRECTORY]."""
import html
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLES = os.path.join(HERE, '..', '..', 'manifests', 'samples')
PICTURES = {'atomic': None, 'recreate': 'recreate.yaml', 'rolling': 'rolling.yaml', 'blue-green': 'blue-green.yaml',
            'blue-green-by-groups': 'blue-green-by-groups.yaml', 'canary': 'canary.yaml',
            'canary-by-servers': 'canary-by-servers.yaml'}
# The least that a release takes: all of it at once.
ATOMIC = '''
---
apiVersion: slipway.dev/v1alpha1
kind: Release
metadata: {name: shop}
spec:
  source: {directory: {path: /srv/build/shop}}
  destinations: [{name: web}]
  layout: {root: /srv/shop}
  process: {command: {reload: sudo systemctl restart shop}}
  health: {http: {path: /healthz, port: 8080}}
'''
COLOURS = {'prepare': '#c9d3dd', 'check': '#c9d3dd', 'retire': '#c9d3dd', 'verify': '#a8d5a2', 'confirm': '#a8d5a2',
           'stop': '#e6b0aa', 'scale-down': '#e6b0aa'}
LEFT, COLUMN, PAUSE, ROW, TOP = 64, 64, 44, 26, 10


def plan(slipway, name):
    """The waves of a sample for the servers of fleet.yaml."""
    with open(os.path.join(HERE, 'fleet.yaml')) as file:
        text = file.read()
    if PICTURES[name] is None:
        text += ATOMIC
    else:
        with open(os.path.join(SAMPLES, PICTURES[name])) as file:
            documents = file.read().split('\n---\n')
        # The sample's own fleet gives way to the one of the pictures.
        text += ''.join('\n---\n' + each for each in documents if not re.search(r'^kind: (Server|Destination|Secret)', each, re.M))
    done = subprocess.run([slipway, 'plan', '--offline', '-o', 'json', '-f', '-'], input=text, text=True, check=True,
                          stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def columns(waves):
    """(wave or None, what is waited for): each wave, and each wait after it."""
    out = []
    for wave in waves:
        out.append((wave, ''))
        for wait in re.findall(r'; then ([^;]*)', wave['note']):
            if wait.startswith('the decision'):
                continue
            text = wait.replace('it waits for slipway promote', 'promote').replace('it is judged by ', 'judge ')
            out.append((None, text.replace(' before the next batch', '')))
    return out


def draw(found):
    servers = [target['name'] for target in found['targets']]
    cells = columns(found['waves'])
    moves = any(wave and wave['step'] == 'traffic' for wave, _ in cells)
    rows = {name: TOP + (at + (2 if moves else 0)) * ROW for at, name in enumerate(servers)}
    width = LEFT + sum(COLUMN if wave else PAUSE for wave, _ in cells) + 8
    bottom = TOP + (len(servers) + (2 if moves else 0)) * ROW
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{bottom + 24}" '
           f'viewBox="0 0 {width} {bottom + 24}" font-family="sans-serif" font-size="11">',
           f'<rect width="{width}" height="{bottom + 24}" fill="#ffffff"/>']

    def text(x, y, words, anchor='middle', colour='#222222'):
        out.append(f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{html.escape(words)}</text>')

    def box(x, y, across, down, colour):
        out.append(f'<rect x="{x}" y="{y}" width="{across}" height="{down}" rx="3" fill="{colour}"/>')

    for name, y in rows.items():
        text(LEFT - 8, y + 15, name, 'end')
    if moves:
        text(LEFT - 8, TOP + ROW, 'traffic', 'end')
    at, weight = LEFT, 0
    for wave, wait in cells:
        across = COLUMN if wave else PAUSE
        changed = wave and wave['step'] == 'traffic'
        if changed:
            weight = int(wave['note'].split('%')[0])
        if moves:
            down = 2 * ROW - 8
            new = round(down * weight / 100)
            out.append(f'<rect x="{at}" y="{TOP}" width="{across}" height="{down}" fill="#d9d9d9"/>')
            out.append(f'<rect x="{at}" y="{TOP + down - new}" width="{across}" height="{new}" fill="#5b9bd5"/>')
            if changed:
                text(at + across // 2, TOP + 13, f'{weight}% new')
        if wave:
            for name in wave['targets']:
                box(at + 2, rows[name] + 3, across - 4, ROW - 6, COLOURS.get(wave['step'], '#f2d28b'))
                text(at + across // 2, rows[name] + 17, wave['step'])
        else:
            out.append(f'<line x1="{at + across // 2}" y1="{TOP}" x2="{at + across // 2}" y2="{bottom}" stroke="#888888" '
                       'stroke-dasharray="3 3"/>')
            text(at + across // 2, bottom + 14, wait, colour='#555555')
        at += across
    if moves:
        text(LEFT + 3, bottom + 14, 'grey: old version', 'start', '#888888')
    return '\n'.join(out + ['</svg>']) + '\n'


def main(slipway, directory=HERE):
    for name in PICTURES:
        with open(os.path.join(directory, name + '.svg'), 'w') as file:
            file.write(draw(plan(slipway, name)))


if __name__ == '__main__':
    main(*sys.argv[1:])
