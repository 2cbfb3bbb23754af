"""A model folder for transformers from a GGUF file, dequantised to float32: made once, then read by every comparison."""
import pathlib
import shutil


def folder_of(gguf, cache):
    """The folder in `cache` that holds the weights of `gguf`."""
    gguf = pathlib.Path(gguf)
    out = pathlib.Path(cache) / f"{gguf.stem}-float32"
    if (out / "config.json").exists():
        return out
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    model.hf_quantizer = None  # else the weights, dequantised by now, count as quantised and are not saved
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(part)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(part)
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    return out
