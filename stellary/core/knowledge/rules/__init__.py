"""The rules of documents: values in, values out."""
