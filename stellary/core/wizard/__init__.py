"""The wizard: project drafts, developed from a brief by questions and a roadmap."""
