"""Rows of cards, custom fields and scopes: conversion from and to values."""
