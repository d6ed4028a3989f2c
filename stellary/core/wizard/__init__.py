"""The wizard: drafts of projects, made of a brief by questions and a roadmap."""
