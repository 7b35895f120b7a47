# Sourced: sets `python` to one that has what the checks need, installing it where it is missing.
parser=0.12.0 yaml=6.0.3
root=${PACKGUARD_TOOLS:-$HOME/.cache/packguard/tools}/monitoring
python=$root/bin/python
if ! "$python" -c "
from importlib.metadata import version
assert (version('promql-parser'), version('pyyaml')) == ('$parser', '$yaml')" 2>/dev/null; then
    echo "packguard: installing promql-parser $parser and PyYAML $yaml into $root" >&2
    python3 -m venv "$root"
    "$root/bin/pip" install --quiet "promql-parser==$parser" "pyyaml==$yaml"
fi
