"""The funnel measured: conversion, duration, win rates, velocity, slip, with censoring and intervals."""
