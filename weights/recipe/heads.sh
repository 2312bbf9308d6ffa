#!/bin/sh
# The draft heads of the embedded model, one folder a kind in weights/heads: sh weights/recipe/heads.sh [KIND ...]
# What is there already stays; a run that was interrupted goes on. STEPS=600 by default, THREADS=1. Together they have 7.8 MB.
#
# Data: code that the model was not trained on, from this repository's node_modules, whose versions package-lock.json fixes:
#   fast-check 4.10.2, MIT; assemblyscript 0.28.20 (std/assembly), Apache-2.0; @huggingface/jinja 0.5.11, MIT
# The target's probabilities are learnt, so that little text teaches much; hidden states are kept in .cache/heads and serve all kinds.
set -eu
cd "$(dirname "$0")/../.."

train() {
  kind=$1 out=weights/heads/$(echo "$1" | tr -d +)$([ "$1" = hydra++ ] && echo -plus || true)
  shift
  [ -f "$out/config.json" ] && return
  resume=$([ -f "$out/checkpoint.safetensors" ] && echo --resume || rm -rf "$out")
  nice -n 19 node dist/cli/main.js train head --kind "$kind" --model weights/foretoken-code --out "$out" \
    --data node_modules/fast-check/lib/fast-check.js --data node_modules/fast-check/lib/fast-check.d.ts \
    --data node_modules/assemblyscript/std/assembly --data node_modules/@huggingface/jinja/src \
    --distill forward-kl --draft-vocab 1024 --held-out 32 --lr 2e-3 --steps "${STEPS:-600}" --threads "${THREADS:-1}" \
    --cache .cache/heads "$@" $resume
}

for wanted in "${@:-all}"; do
  case $wanted in medusa | all) train medusa --heads 4 ;; esac
  case $wanted in hydra | all) train hydra --heads 3 ;; esac
  case $wanted in recurrent | all) train recurrent --heads 4 ;; esac
  case $wanted in hydra++ | all) train hydra++ --heads 3 --layers 2 ;; esac
done
